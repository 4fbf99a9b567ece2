"""From the words of a prompt to a plan: one grammar, one file of vocabulary a language."""
