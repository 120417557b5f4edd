"""What the hub measures for providers and tells them of its own accord."""
