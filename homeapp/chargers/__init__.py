"""What people at home decide about their charger: who controls it, and which cards it takes."""
