"""Drafts that the tests of the rewards share: honest ones in both languages, and what a model might try instead.

The evidence is that of the sample `examples/creator-rebate`; every figure of the honest drafts is in it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from proposal.brief import Brief, load_brief
from proposal.evidence import load_evidence
from rewards import COMPONENTS, Task, analyse, read_task

EXAMPLE = Path(__file__).parents[2] / "examples" / "creator-rebate"
EVIDENCE = load_evidence(EXAMPLE / "evidence.yaml")
BRIEF = load_brief(EXAMPLE / "brief.yaml")
REQUIRED = ("E1", "E2", "E4", "E5")
ALL_IDS = " ".join(f"[{item}]" for item in EVIDENCE)

EN = (
    "Creator sales on the marketplace fell to 401,000 USDC in the third quarter [E1].",
    "In the same quarter 338 creators were active with new listings [E2].",
    "The request for a rebate was signed by 57 creators on the forum [E4].",
    "The vote on the spring rebate had a turnout of 18.9% [E5].",
)
ZH = (
    "第三季度创作者销售额降至401,000 USDC [E1]。",
    "同一季度发布新作品的活跃创作者为338名 [E2]。",
    "论坛上有57名创作者联署了返还请求 [E4]。",
    "春季返还表决的参与率为18.9% [E5]。",
)
HONEST_EN, HONEST_ZH = " ".join(EN), "".join(ZH)

WHOLE_EN = """# Temporary creator rebate programme

## Summary

This proposal asks the treasury for a temporary rebate of the marketplace fee to creators, with a total budget of \
{{P.budget_total}}. Creator sales fell to {{E1.sales_q3}} in the third quarter [[E1]]. The number of active creators \
with new listings was {{E2.active_q3}} in that quarter [[E2]].

## Motivation

Creator sales in the second quarter came to {{E1.sales_q2}} and fell in the next one [[E1]]. Members asked on the \
forum for a temporary rebate, and {{E4.supporters}} signed the request [[E4]]. The vote on the spring rebate had a \
turnout of {{E5.turnout}} and a share of {{E5.share_for}} for it [[E5]]. The spring rebate cost {{E6.spent}} in total \
and paid {{E6.recipients}} [[E6]]. The last payment of the spring rebate from the treasury was {{E3.paid}} on \
{{E3.paid_on}} [[E3]].

## Specification

The team of the programme office pays back {{P.rebate_rate}} of the marketplace fee to creators for {{P.duration}}, \
from {{P.start_date}} on. No creator receives more than {{P.cap_per_creator}}. Rebates are paid only on sales to \
wallets that are not linked to the seller. The office spends {{P.budget_checks}} on checks against wash trading and \
{{P.budget_reports}} on monthly public reports; {{P.budget_rebates}} remain for rebates. Unspent funds return to the \
treasury after the final report.

## Risks and alternatives

Creators who sell little would gain less than those who sell much. Linked wallets could claim rebates for sales to \
themselves, as {{E6.refused}} refused claims showed in the spring [[E6]]. The report of the programme office would \
show such claims every month. One alternative is to leave the fee as it is and to wait for another quarter; another \
is a lower fee for all sales, which would cost more and could not be capped.

## Timeline and measures of success

The programme begins on {{P.start_date}} and lasts {{P.duration}}. The programme office publishes a report after \
each month and a final report on {{P.final_report}}. The measure of success is {{P.target_creators}} with new \
listings at the end of the programme. If the number of creators stays below it, the rebate is not repeated.
"""

WHOLE_ZH = """# 临时创作者返还计划

## 摘要

本提案请求金库在限定时间内向创作者返还部分市场手续费，预算总额为{{P.budget_total}}。\
第三季度创作者销售额降至\
{{E1.sales_q3}} [[E1]]。同一季度发布新作品的活跃创作者为{{E2.active_q3}} [[E2]]。返还按月支付，计划结束后提交最终报告。

## 动机

第二季度创作者销售额为{{E1.sales_q2}}，随后一个季度出现下降 [[E1]]。创作者在论坛上请求临时返还手续费，联署者为\
{{E4.supporters}} [[E4]]。春季返还表决的参与率为{{E5.turnout}}，赞成投票权占比为{{E5.share_for}} [[E5]]。\
春季返还的总支出为{{E6.spent}}，获得返还的创作者为{{E6.recipients}} [[E6]]。\
金库在{{E3.paid_on}}支付了春季返还的末笔款项，金额为{{E3.paid}} [[E3]]。

## 具体方案

计划办公室团队自{{P.start_date}}起，在{{P.duration}}内向创作者返还市场手续费的{{P.rebate_rate}}。每名创作者的返还上限为\
{{P.cap_per_creator}}。返还只针对售给与卖方无关联钱包的销售。虚假交易核查的预算为{{P.budget_checks}}，每月公开报告的预算为\
{{P.budget_reports}}，其余{{P.budget_rebates}}用于返还。未用资金在最终报告之后退回金库。

## 风险与替代方案

销售较少的创作者从返还中得到的较少，销售较多的创作者得到的较多。\
关联钱包可能通过自买自卖申请返还，\
春季有{{E6.refused}}项申请因此被拒 [[E6]]。计划办公室的每月报告会列出此类申请。\
一种替代方案是维持现行手续费并再观察一个季度；\
另一种是对全部销售降低手续费，但成本更高，也无法设定上限。

## 时间安排与成效衡量

计划于{{P.start_date}}开始，期限为{{P.duration}}。计划办公室每月发布报告，并于{{P.final_report}}提交最终报告。\
成效指标是计划结束时发布新作品的创作者达到\
{{P.target_creators}}。如果创作者人数低于该目标，则不再重复返还。
"""


@lru_cache(maxsize=64)
def row(
    *, required: tuple[str, ...] = REQUIRED, section: str = "", language: str = "en", template: str = "generic"
) -> dict[str, Any]:
    """Return one data row with the five columns."""
    brief: Brief = BRIEF.model_copy(update={"language": language})
    return {
        "dao_evidence_json": json.dumps([item.model_dump(mode="json") for item in EVIDENCE.values()]),
        "dao_brief_json": brief.model_dump_json(),
        "dao_template": template,
        "dao_section": section,
        "dao_required": json.dumps(list(required)),
    }


def task(**choices: Any) -> Task:
    """Return the task of a row."""
    return read_task(row(**choices), where="row 0")


def values(completion: str, **choices: Any) -> dict[str, float]:
    """Return the value of every component for a completion."""
    analysis = analyse(completion, task(**choices))
    return {reward.name: reward.score(analysis).value for reward in COMPONENTS}


def value(name: str, completion: str, **choices: Any) -> float:
    """Return the value of one component for a completion."""
    return values(completion, **choices)[name]


def columns(count: int, **choices: Any) -> dict[str, list[Any]]:
    """Return columns as a trainer passes them: lists of equal values."""
    return {name: [cell] * count for name, cell in row(**choices).items()}


def server_draft(language: str = "en") -> str:
    """Return the whole honest draft as the server prints it: tables, options, clauses and references added."""
    from proposal.sections import Material, server_text
    from proposal.slots import fill

    given = task(language=language, required=tuple(EVIDENCE))
    title, *parts = (WHOLE_ZH if language == "zh" else WHOLE_EN).split("\n## ")
    written = {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}
    material = Material(brief=given.brief, evidence=EVIDENCE, template=given.template, cited=tuple(EVIDENCE))
    sections = [title.strip()]
    for spec in given.template.sections_for(given.brief):
        heading = spec.heading_in(given.brief.language)
        pieces = [written.get(heading, ""), *(server_text(content, material) for content in spec.contents())]
        sections.append(f"## {heading}\n\n" + "\n\n".join(piece for piece in pieces if piece))
    slotted = "\n\n".join(sections)
    return fill(slotted, evidence=EVIDENCE, brief=given.brief, language=given.brief.language).text
