"""A real Kubernetes control plane, compiled from a pinned Go module and started without containers."""
