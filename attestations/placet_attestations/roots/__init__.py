"""What is chosen to vouch for certificates and times: shipped, files, TUF, an own PKI. `loading.py` is the door."""
