"""A subject in its new scene: which picture is which, where it goes, and how it comes to belong there."""
