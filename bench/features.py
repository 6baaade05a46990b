#!/usr/bin/env python3
"""./dev bench features: what decoding several documents at once brings to feature extraction, on the named model."""
import json
import os
import subprocess

import must


def main():
    parser = must.arguments(__doc__)
    parser.add_argument("--documents", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    command = [f"{options.build}/bench/features_bench", os.environ["PEMA_MODEL"]]
    for name in ("documents", "tokens", "repeats", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    settings = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    promises = must.Promises(f"{options.documents} documents of {options.tokens} tokens, {options.threads} threads, median of "
                             f"{options.repeats} turns, settings taking turns; model {os.path.basename(os.environ['PEMA_MODEL'])}")
    alone = settings[0]
    for setting in settings[1:]:
        promises.add(f"features.batch_{setting['documents_per_decode']}_tokens_{setting['batch_tokens']}", "shown",
                     setting["tokens_per_second"] / alone["tokens_per_second"], "times the tokens/s of one document at a time", True)
    must.write(options.out, promises, settings)


if __name__ == "__main__":
    main()
