"""Values for JSON schemas, made out of a text."""
