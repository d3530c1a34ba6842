"""The ``proxy`` subresource of nodes, pods and services: location and headers decide, exchange speaks, proxy acts."""
