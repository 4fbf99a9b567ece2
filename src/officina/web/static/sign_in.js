// The link of a start signs in by itself: one press less.

document.getElementById("by-link").requestSubmit();
