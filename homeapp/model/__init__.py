"""What the hub talks about, as frozen dataclasses.

Conventions, everywhere: power in W and energy in Wh; import and charging are positive, export and feeding negative;
money is ``Decimal`` with an ISO 4217 code; instants are aware UTC ``datetime``; state of charge is percent 0..100.
"""
