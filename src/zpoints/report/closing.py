"""What the command line says at its end: a short table of the run."""

from typing import TYPE_CHECKING

from zpoints.analysis.summary import AnalysisSummary
from zpoints.images.store import ImageStore
from zpoints.judging.result import Judgement

if TYPE_CHECKING:
    from zpoints.run.folder import Run

__all__ = ["analysis_lines", "closing_table", "picture_lines"]


def analysis_lines(summary: AnalysisSummary) -> list[str]:
    """The main figures of an analysis, one a line."""
    needed, largest = summary.components_for_variance, summary.largest_off_diagonal
    lines = [
        f"vectors            {summary.n:,} of {summary.d} components",
        f"explained variance 80 / 90 / 95 % by {needed['0.80']} / {needed['0.90']} / {needed['0.95']} principal axes",
        f"origin             {summary.region.origin_distance:.1f} Mahalanobis units from the centre",
        f"largest |r|        {largest.z:.3f}, after PCA {largest.pca:.0e}",
    ]
    for rows, name in ((summary.coverage.z, "z axes"), (summary.coverage.pca, "PCA axes")):
        shares = [
            f"{row.sigma:g}σ {100 * row.median:.1f} ({100 * row.normal:.1f})"
            for row in rows
            if row.median is not None
        ]
        if shares:
            lines.append(f"coverage, {name:<8} {', '.join(shares)}   % in the median plane (normal pair)")
    return [*lines, *summary.verdict]


def picture_lines(store: ImageStore) -> list[str]:
    """What the pictures have lost, and how many were left out."""
    return ["", *(f"pictures           {remark}" for remark in store.remarks)] if store.remarks else []


def closing_table(run: "Run") -> str:
    """Stages with their seconds, the main figures, and where the report lies."""
    record = run.record
    lines = ["", f"{'stage':<10}{'seconds':>9}{'peak RAM':>12}"]
    for name, entry in record["stages"].items():
        peak = f"{entry['peak_ram_mib']:,.0f} MiB" if entry["peak_ram_mib"] else "?"
        lines.append(f"{name:<10}{entry['seconds']:>9.1f}{peak:>12}")
    if budget := record.get("ram_budget_mib"):
        lines.append(f"{'budget':<19}{f'{budget:,.0f} MiB':>12} ({record['ram_budget_of']})")
    lines += picture_lines(ImageStore.open(run.paths.images))
    lines += ["", *analysis_lines(AnalysisSummary.read(run.paths.analysis / "analysis.json"))]
    lines += [
        "",
        *Judgement.read(run.paths.judging / "scores.json").lines(),
        "",
        f"report: {run.paths.report}",
        f"explore: zpoints explore {run.folder}",
    ]
    return "\n".join(lines)
