"""From what was announced and what the owner has agreed with the supplier to one tariff."""
