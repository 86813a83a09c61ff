"""What takes more than one request, as generators that both clients run."""
