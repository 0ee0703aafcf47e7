"""DraftBench: how good drafts are, on proposals that no model of ours was trained on (`docs/draftbench.md`)."""
