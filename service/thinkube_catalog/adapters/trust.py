"""What to do about a server that this machine does not trust; for `tkt doctor`."""

from __future__ import annotations


def trusting(reason: str, mend: str, setting: str = "SSL_CERT_FILE") -> str:
    """Return the mend for a reason: a certificate that is not trusted has one of its own."""
    if "CERTIFICATE_VERIFY_FAILED" not in reason:
        return mend
    if "ostname mismatch" in reason or "IP address mismatch" in reason:
        return "use a name that its certificate is for, or have it get one for this name"
    if "has expired" in reason:
        return "renew its certificate"
    return f"set {setting} to a file with the certificates that its own is signed by"
