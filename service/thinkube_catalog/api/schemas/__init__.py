"""What goes over the wire. Fields are always there; unknown fields of requests are refused."""
