"""The validating admission webhook: what the Kubernetes API server asks before it keeps an object.

Bytes to `review`, the images an object runs to `images`, their digests to `references`, the namespace's environment to
`environments`; `port` is what judges and keeps the log, `words` what a developer reads, `webhook` the ASGI app.
"""
