#!/usr/bin/env python3
"""./dev bench registry: what a profile costs in registry.db, and how fast profiles are enrolled and leased."""
import must


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--profiles", type=int, default=10_000)
    options = parser.parse_args()
    result = must.run_json([f"{options.build}/bench/registry_bench", str(options.profiles)])
    promises = must.Promises(f"{result['profiles']} copies of one profile: masks over {result['adapters']} adapters, names of 16 "
                             f"characters, lambdas, rights to {result['segments']} segments; after a checkpoint")
    promises.at_most("registry.bytes_per_profile", result["mask_bytes"] + 100, result["bytes_per_profile"], "bytes")
    must.write(options.out, promises, result)


if __name__ == "__main__":
    main()
