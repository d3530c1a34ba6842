"""The HTTP/1.1 server core: bytes to requests and answers to bytes; it knows nothing about Kubernetes' resources."""
