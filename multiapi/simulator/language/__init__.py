"""Text as such, whatever is asked about it: words and their common forms, quotations, values that a text offers, examples of patterns."""
