"""What many tests share: stand-ins, and homes to begin from."""
