"""The demo street: every peer of the hub, speaking the real protocols over loopback."""
