"""Who may do what: roles, PINs, tries."""
