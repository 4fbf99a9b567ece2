// What the server hands to the scripts of this page: facts, and texts in its language.

export const facts = JSON.parse(document.getElementById("handed").textContent);
