"""make bench [ONLY=name,…] [FAMILIES=n] [SECONDS=n]: prints a table and writes var/bench.json."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from connecting_families import embedded

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Measure what was asked for, one after the other."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
    os.environ.setdefault("CF_DATA_DIR", str(ROOT / "var" / "bench"))
    embedded.ensure(os.environ)
    import django

    django.setup()
    from tests.benchmarks import (
        assembly,
        demonstration,
        duplicates,
        load,
        loading,
        pages,
        promises,
        sealing,
        search,
        trail,
        trail_pages,
    )
    from tests.benchmarks.measured import Measured

    parser = argparse.ArgumentParser(description=__doc__, prog="make bench")
    benchmarks: dict[str, Callable[[int], Measured]] = {
        "load_vs_copy": loading.load_vs_copy,
        "assembly_vs_sql": assembly.assembly_vs_sql,
        "assembly_vs_orm": assembly.assembly_vs_orm,
        "assembly_vs_bulk_orm": assembly.assembly_vs_bulk_orm,
        "assembly_under_analyze": assembly.assembly_under_analyze,
        "assembly_vs_pandas": assembly.assembly_vs_pandas,
        "assembly_growth": assembly.assembly_growth,
        "assembly_two_workers": assembly.assembly_two_workers,
        "assembly_memory": assembly.assembly_memory,
        "seal_vs_openssl": sealing.seal_vs_openssl,
        "seal_memory": sealing.seal_memory,
        "duplicates_quality": duplicates.duplicates_quality,
        "duplicates_precision": duplicates.duplicates_precision,
        "duplicates_recall": duplicates.duplicates_recall,
        "duplicates_febrl4": duplicates.duplicates_febrl4,
        "duplicates_febrl3": duplicates.duplicates_febrl3,
        "duplicates_twins": duplicates.duplicates_twins,
        "duplicates_seconds": duplicates.duplicates_seconds,
        "duplicates_memory": duplicates.duplicates_memory,
        "duplicates_vs_splink": duplicates.duplicates_vs_splink,
        "search_p95": search.search_p95,
        "search_median": search.search_median,
        "search_missed": search.search_missed,
        "trail_verify_vs_sha256": trail.trail_verify_vs_sha256,
        "trail_seal_ms": trail.trail_seal_ms,
        "trail_sealing_cost": trail.trail_sealing_cost,
        "trail_write_cost": trail.trail_write_cost,
        "trail_pages": trail_pages.trail_pages,
        "promises_seconds": promises.promises_seconds,
        "page_p95": lambda families: load.page_p95(families, seconds),
        "page_p95_assembling": load.page_p95_assembling,
        "page_vs_floor": pages.page_vs_floor,
        "demo_seconds": demonstration.demo_seconds,
    }
    parser.add_argument("--only", default=",".join(benchmarks), help="names, separated by commas")
    parser.add_argument("--families", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="of page_p95")
    asked = parser.parse_args()
    seconds: float = asked.seconds
    names = [name for name in asked.only.split(",") if name]
    if unknown := sorted(set(names) - set(benchmarks)):
        sys.exit(f"There is no benchmark {', '.join(unknown)}. Choose from {', '.join(benchmarks)}.")
    results: list[Measured] = []
    for name in names:
        results.append(benchmarks[name](asked.families))
        sys.stdout.write(results[-1].line() + "\n")
        sys.stdout.flush()
    out = ROOT / "var" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps([result.as_json() for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
