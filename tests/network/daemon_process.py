"""A daemon's kernel side in a process of its own, which somebody kills. Argument: a file with what it needs."""

import asyncio
import pickle
import sys
from pathlib import Path
from types import MappingProxyType

from k3py.vpc.kernel.node import KernelNode
from k3py.vpc.wanted import Wanted


async def main() -> None:
    config, state, bpffs, plain = pickle.loads(Path(sys.argv[1]).read_bytes())
    cluster, service_cidr, vpcs, blocks, pods = pickle.loads(plain)
    node = KernelNode(config, state, bpffs=bpffs)
    await node.start()
    wanted = Wanted(cluster, service_cidr, MappingProxyType(vpcs), blocks, MappingProxyType(pods))
    print(await node.converge(wanted), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
