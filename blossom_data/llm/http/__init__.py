"""How a host is reached: by which proxy and certificates, over which session; and what failures and codings mean."""
