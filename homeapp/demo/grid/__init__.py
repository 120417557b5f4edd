"""The electricity network provider: an OpenADR VTN and its prices."""
