"""How fast the product is, against the incumbents and the frameworks' own cost; see README.md."""
