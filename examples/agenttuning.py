"""AgentTuning on one page: from an environment to a model that acts, measured before and after.

    python examples/agenttuning.py MODEL LARGE --train 900 --test 84

MODEL is tuned; LARGE, a larger model of the same vocabulary, gets its tuning without being trained
(emulated fine-tuning). Everything lands in `nb/`; stopped, the same command goes on.
"""

from __future__ import annotations

import argparse

import trajectune as tt


def main() -> None:
    """Collect, curate, tune, evaluate, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="`embedded`, a folder, or a Hugging Face name")
    parser.add_argument("large", help="a larger model of the same vocabulary")
    parser.add_argument("--train", type=int, default=900, help="tasks to learn from")
    parser.add_argument("--test", type=int, default=84, help="tasks to measure on")
    args = parser.parse_args()
    base_model, rows = args.model, args.train // 2

    db = tt.environment("database", level="plain", train=args.train, test=args.test)
    played = tt.rollout(db, tt.Expert(), split="train", dialect="agentbench", to="nb/played.jsonl")
    agent = played.keep(per_task=1).examples()
    general = tt.self_distil(base_model, rows=rows, to="nb/general.jsonl")
    data = tt.mix(agent={"database": agent}, general={"self": general}, eta=0.5, held_out=rows // 10)
    settings = tt.TuneSettings(epochs=1, batch_rows=14, learning_rate=2.4e-4)
    tuned = tt.tune(base_model, data, settings, to="nb/tune")
    suites = [tt.EnvironmentSuite(db, tasks=args.test), tt.GeneralLoss(data.held_out), tt.Choices()]
    base = tt.evaluate(base_model, suites, to="nb/base")
    after = tt.evaluate(tuned.model, suites, to="nb/after")
    print(tt.compare(base, after))
    large = tt.compose("upscale", large=args.large, tuned=tuned.model, base=base_model)
    page = tt.report([base, after, tt.evaluate(large, suites, to="nb/emulated")], to="nb/report")
    print(f"report: {page}")


if __name__ == "__main__":
    main()
