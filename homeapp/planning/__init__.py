"""From what the owner has set, prices, forecasts and requests to a plan, and whether it is being met."""
