import argparse, asyncio, json, dataclasses
from benchmarks.operator import flood, place as places
from benchmarks.operator import processes
async def main():
    p = argparse.ArgumentParser(); p.add_argument("--sizes", default="20"); p.add_argument("--name", default="bench-op")
    a = p.parse_args(); sizes=[int(x) for x in a.sizes.split(",")]
    with places.cluster(a.name) as running:
        places.cordon(running)
        async with places.place(running, 8) as place:
            place.say("up"); 
            for s in sizes:
                await place.scale_operator(0); await place.rest()
                place.say("bare"); b = await flood.bare(place, s, 8); place.say(str(b)); await place.clean("bare")
                await place.scale_operator(2); await place.rest()
                place.say("operator"); o = await flood.operated(place, s, 8); place.say(str(o)); 
                await place.rest()
                place.say(f"ratio {o.seconds/b.seconds:.2f} mem {[processes.memory(p) for p in processes.operators(running).values()]}")
                await place.clean("flood")
asyncio.run(main())
