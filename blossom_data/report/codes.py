"""What the codes of rejects and repeated tries mean, one line each, for people.

meaning("translate", "envelope")  ->  "something around the JSON object, or no JSON at all"
"""

from __future__ import annotations

_TRANSLATE = {
    "finish": "the reply was cut off",
    "envelope": "something around the JSON object, or no JSON at all",
    "json": "not strict JSON",
    "keys": "other keys or types than asked for",
    "nonce": "the reply belongs to another request",
    "count": "segments are missing or new",
    "ids": "segments in another order",
    "head": "a segment was not read from its beginning",
    "cross": "one text for two sources",
    "mask": "a protected span is lost or changed",
    "damage": "broken characters",
    "language": "not in the target language",
    "simplified": "simplified characters in traditional Chinese",
    "source_language": "in neither of the two languages",
    "traditional": "traditional characters",
    "residue": "source text left standing",
    "length": "far too long or short for a translation",
    "structure": "lines, list items or table cells differ",
    "chatter": "talk around the translation",
    "ask": "asks for the text instead of translating it",
    "description": "describes the text instead of translating it",
    "refusal": "refuses",
    "content_filter": "the endpoint filtered the reply",
    "turns": "plays several speakers",
    "loop": "repeats itself",
    "unsupported_content": "holds definitions or calls of tools",
    "lang_task": "material of a language task is gone",
    "numbers": "a number changed",
    "speech_act": "answers the text instead of translating it",
    "balance": "quotes or brackets do not close",
    "quarantine": "doubtful in every try, and no judge to decide",
    "judge": "the judge refused it in every try",
    "unreadable": "no verdict of the judge that can be read",
}
_ANNOTATE = {
    "no_user_turn": "there is nothing to answer",
    "unsupported_content": "holds definitions or calls of tools",
    "truncated": "the answer was cut off",
    "content_filter": "the endpoint filtered the answer",
    "empty": "no answer",
    "refusal": "refuses",
    "identity": "speaks of itself as a model",
    "wrong_language": "answers in the wrong language",
    "loop": "repeats itself",
    "template_token": "a token of the chat template with more behind it",
    "garbled": "signs that are no text",
}
_VERIFY = {
    "wrong": "the final answer is not the gold label",
    "approx": "a coarser rounding than the gold label",
    "ambiguous": "no single final answer",
    "no_answer": "no final answer",
    "truncated": "breaks off before the answer",
    "bad_gold": "the gold label cannot be compared",
    "unmarked": "no marker in front of the final answer",
    "suspect_gold": "samples agree with each other and not with the gold label",
    "symbolic_timeout": "comparing the formulas takes too long",
    "symbolic_memory": "comparing the formulas takes too much memory",
}
_JUDGE = {
    "no_answer": "the conversation does not end with an answer",
    "low_score": "scored below what is kept",
    "unreadable": "no verdict that can be read",
    "content_filter": "the endpoint filtered the verdict",
    "no_annotation": "no annotation came out right",
    "tie": "no annotation is better than another",
}
_EVOL = {
    "no_user_turn": "there is no request to evolve",
    "unchanged": "the same words as before",
    "no_gain": "asks for no more than before",
    "not_a_request": "no request that can be answered by itself",
    "copied_words": "speaks of its own rewriting",
    "only_stop_words": "nothing but punctuation and stop words",
    "wrong_language": "in another language than before",
    "too_long": "longer than an evolution may get",
    "sorry_answer": "cannot be answered: the answer apologises",
    "bad_answer": "no answer that is fit",
    "unreadable": "no reply that can be read",
    "content_filter": "the endpoint filtered the reply",
}
_SELF_INSTRUCT = {
    "unreadable": "no reply that can be read",
    "content_filter": "the endpoint filtered the reply",
    "similar": "too much like an instruction that is there",
    "too_short": "too few words for an instruction",
    "too_long": "too many words for an instruction",
    "beyond_text": "asks for what a language model cannot do",
    "only_stop_words": "nothing but punctuation and stop words",
    "copied_words": "speaks of its own making",
    "wrong_language": "in another language than asked for",
    "no_output": "no output, or the input itself",
    "surplus": "more than were asked for",
}
_CHAT = {
    "unreadable": "no turn that can be read",
    "content_filter": "the endpoint filtered the reply",
    "answers_itself": "the simulated user answers in place of asking",
    "speaker_label": "the simulated user plays several speakers",
    "repeats": "the simulated user says the same again",
    "wrong_language": "the simulated user speaks another language",
    "empty": "the simulated user says nothing",
    "short_chat": "over before the fewest turns",
    "bad_answer": "no answer that is fit",
}
_FROM_TEXT = {
    "unreadable": "no reply that can be read",
    "content_filter": "the endpoint filtered the reply",
    "no_question": "the text gives no question",
    "quote_not_found": "the quotation does not stand in the text",
    "number_not_found": "a number of the answer does not stand in the text",
    "unsupported": "the text does not support the answer",
    "needs_text": "the question cannot be understood without the text",
    "wrong_language": "in another language than asked for",
}
_DEDUP = {
    "exact": "the same request as one that stays",
    "near": "the request of one that stays, in all but a few words",
    "paraphrase": "the request of one that stays, in other words",
}
_DECONTAMINATE = {"leak": "an item of a test set"}
_MEANINGS = {
    "dedup": _DEDUP,
    "decontaminate": _DECONTAMINATE,
    "translate": _TRANSLATE,
    "annotate": _ANNOTATE,
    "verify-math": {**_ANNOTATE, **_VERIFY},
    "judge": _JUDGE,
    "evol": _EVOL,
    "self-instruct": _SELF_INSTRUCT,
    "instance": _SELF_INSTRUCT,
    "chat": _CHAT,
    "from-text": _FROM_TEXT,
    "ground": _FROM_TEXT,
    "judge-leak": {
        **_DECONTAMINATE,
        "unreadable": "no verdict that can be read",
        "content_filter": "the endpoint filtered the verdict",
    },
    "classify": {"unreadable": "no reply that can be read", "content_filter": "the endpoint filtered the reply"},
}


def meaning(stage: str, code: str) -> str:
    """What `code` says about a reply of `stage`, "" for a code that needs no words."""
    return _MEANINGS.get(stage, {}).get(code, "")


def all_meanings() -> set[str]:
    """Every meaning, for those who translate them."""
    return {told for codes in _MEANINGS.values() for told in codes.values() if told}


def legend(counts: dict[str, int]) -> list[str]:
    """`stage/code` -> a line that says how often and what it means."""
    lines = []
    for name, number in counts.items():
        stage, _, code = name.partition("/")
        if told := meaning(stage, code):
            lines.append(f"  {number:>3} x {stage:<11} {code:<11} {told}")
    return lines
