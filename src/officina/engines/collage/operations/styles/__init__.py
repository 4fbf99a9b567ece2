"""Pictures as if made by hand, one style each."""
