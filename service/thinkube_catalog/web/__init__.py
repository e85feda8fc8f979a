"""HTML: what people see. Server-rendered pages, one dataclass each, usable without scripts."""
