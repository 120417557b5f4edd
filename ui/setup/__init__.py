"""Commissioning on the screen: the steps of ``homeapp.model.commissioning``, one page each."""
