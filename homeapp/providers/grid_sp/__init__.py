"""The electricity network provider: prices, demand response and mandatory limits over OpenADR 3.1, the hub as VEN."""
