"""Wire formats that several providers share: pure functions between values and bytes."""
