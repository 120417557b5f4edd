"""What providers have done about car and charger, with the owner's consent."""
