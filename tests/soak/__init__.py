"""A long run of everything at once against vendors that fail at random: `make soak`."""
