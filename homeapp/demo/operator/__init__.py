"""The system operator: broker, CSE, and the companies behind it."""
