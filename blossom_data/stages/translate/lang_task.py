"""Tasks about the source language itself: the ask is translated, the material in that language is kept.

    "Correct the grammar: He go to school."            kept: "He go to school."
    "Use the word \\"serene\\" in a sentence."            kept: "serene"
    "Translate to French:\\n\\nI like tea."              kept: "I like tea."
    "Write a poem about grammar school."               no language task

A wrong guess costs little: an English passage that stays English. It reads English and Chinese instructions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from blossom_data.stages.translate.masks import Span

_LANGUAGES = (
    r"(?:english|french|spanish|german|italian|chinese|mandarin|cantonese|japanese|korean|russian"
    r"|portuguese|latin|arabic|hindi"
    r"|greek|dutch|swedish|turkish|vietnamese|thai|hebrew|polish|indonesian|ukrainian)"
)
_OPEN = r"[\"“'‘`]"
_TASK = re.compile(
    "|".join(
        rf"\b(?:{pattern})"
        for pattern in (
            r"(?:grammar|grammatical(?:ly)?|spelling|misspell(?:ed|ing)s?|punctuat(?:e|ion)"
            r"|capitali[sz]ation|typos?)\b[^.\n]{0,60}"
            r"\b(?:errors?|mistakes?|correct(?:ly|ion|ions)?|check|issues?|following|sentence|paragraph"
            r"|text|passage)\b",
            r"(?:correct|fix|check|edit|proofread|improve|identify|find|detect"
            r"|rewrite)\b[^.\n]{0,50}\b(?:grammar|grammatical(?:ly)?"
            r"|spelling|punctuation|typos?|capitali[sz]ation|misspell(?:ed|ing)s?)\b",
            r"(?:correct|fix)\b[^.\n]{0,20}\b(?:sentences?|errors?|paragraphs?|passages?)\b|proofread\b",
            r"rhym(?:e|es|ed|ing) (?:with|for|words?)\b|words? that rhymes?\b|syllables? (?:in|of|are)\b"
            r"|(?:how many|number of|count the|count all the) (?:syllables|vowels|consonants|letters)\b",
            r"(?:anagrams?|palindromes?|homophones?|homonyms?|alliteration|tongue ?twister|contractions?)\b[^.\n]{0,40}"
            r"\b(?:of|for|word|words|phrase|letters|sentence|following|using)\b",
            r"(?:synonyms?|antonyms?|plural|past tense|present tense|future tense|past participle|prefix"
            r"|suffix|etymology"
            r"|pronunciation|parts? of speech|pos tags?|verb tense)\b[^.\n]{0,40}"
            r"\b(?:of|for|to|word|words|sentence|following|using|verb|noun|in|with)\b",
            r"(?:using|into|to|in|with) (?:a |an |the )?(?:synonyms?|antonyms?|passive|active|past tense"
            r"|present tense|future tense"
            r"|plural|singular|(?:simple|past|present|future) (?:perfect|continuous|progressive|simple|tense))\b",
            r"(?:passive|active) (?:voice|form)\b",
            r"spell[- ]?check\w*|figures? of speech|(?:rhetorical|literary|poetic) devices?",
            r"(?:sentence|phrase|word|clause)s?\b[^.\n]{0,40}\b(?:verb tense|tense|grammatical)\b",
            r"(?:replace|substitute|change|unscramble|rearrange)\b[^.\n]{0,40}"
            r"\b(?:words?|letters?|pronouns?|verbs?|adjectives?|synonyms?|adverbs?)\b",
            rf"(?:spell|pronounce) (?:the |out |this )?(?:word\b|following\b|name\b|{_OPEN})",
            rf"(?:(?<!categorize the )(?<!classify the )"
            r"(?<!group the )(?<!sort the )(?<!single )(?<!one )(?<!only )(?<!exact )words?"
            r"|idiom|phrase|prefix|suffix|verb|adjective|adverb|noun|pronoun|expression|proverb"
            rf"|pun|letters?|vowels?"
            rf"|differences? between|distinguish between|word is|blanks? with"
            rf"|mean by)\b[^.\n\"“‘]{{0,24}}:? ?{_OPEN}(?=[a-z][a-z' -]{{0,40}}[,.!?]?[\"”'’`])",
            rf"(?:pun|idiom|proverb|tongue twister|wordplay)\b[^.\n]{{0,30}}{_OPEN}",
            r"(?:meaning|definition) of the (?:word|phrase|idiom|expression|term)\b",
            r"(?:define|identify|underline|find|list|name|circle|tag|label)\b[^.\n]{0,40}\b(?:nouns?"
            r"|verbs?|adjectives?|adverbs?"
            r"|pronouns?|prepositions?|conjunctions?|predicates?|clauses?|subject and (?:the )?(?:verb"
            r"|predicate)|verb tense)\b",
            rf"translat(?:e|ion|ing)\b[^.\n]{{0,60}}\b(?:to|into|from|in) (?:\w+ )?{_LANGUAGES}\b",
            rf"(?:say|write|said|put|called)\b[^.\n]{{0,40}}\bin {_LANGUAGES}\b",
            r"(?:make|form|construct|arrange|create|build) (?:a "
            r"|an )?(?:grammatical(?:ly correct)? )?sentences? (?:out of|from|using|with) "
            r"(?:the |these )?(?:following )?(?:words|given words)\b",
            r"fill in the (?:blank|gap)s? with\b|crossword|acronym for\b|scrabble|pig latin",
            r"(?:definition|meaning|synonyms?|antonyms?|pronunciation) of the (?:given |following )?word\b",
        )
    ),
    re.IGNORECASE,
)
_WORDS = (
    "gramm spell punctuat capitali typo correct fix proofread rhym syllab letter vowel anagram palindrome "
    "homo alliterat tongue contraction synonym antonym plural tense participle fix etymolog pronounc "
    "pronunciation speech tag active passive word pronoun verb noun preposition conjunction predicate clause idiom "
    "phrase expression proverb pun between blank meaning definition translat french english spanish german "
    "chinese japanese latin korean russian italian arabic hindi crossword acronym scrabble singular "
    "sentence continuous rhetorical literary poetic"
)
_SIGNS = tuple(dict.fromkeys(_WORDS.split()))
"""One of these stands in every text that _TASK matches: a quick look before a slow one."""
_TASK_ZH = re.compile(
    r"翻译成|译成|译为|翻译为|翻译(?:一下|下面|以下|这)|造句|造一?个句子|成语|歇后语|谚语|俗语"
    r"|拼音|声调|多音字|近义词|反义词|同义词|押韵|病句|错别字|语病|标点"
    r"|部首|偏旁|笔画|笔顺|词性|对联|绕口令|谐音|文言文|古文|改成[^，。\n]{0,6}句"
    r"|改为[^，。\n]{0,6}句|被动句|把字句|陈述句|反问句|比喻句|拟人句|扩句|缩句|仿写"
    r"|(?:这个|下列|以下|该)(?:词|字|词语|汉字|成语)|[“\"「]一?字|怎么读|怎么写|用英[文语](?:怎么|表达|说)"
)
_QUOTED = re.compile(r"\"([^\"\n]{1,400})\"|“([^”\n]{1,400})”|(?<!\w)'([^'\n]{1,120})'(?!\w)|‘([^’\n]{1,120})’")
_QUOTED_ZH = re.compile(r"“([^”\n]{1,400})”|「([^」\n]{1,400})」|\"([^\"\n]{1,400})\"|‘([^’\n]{1,200})’")
_AFTER_COLON = re.compile(r":[ \t]+(\S[^\n]*)$", re.MULTILINE)
_AFTER_COLON_ZH = re.compile(r"[：:][ \t]*(\S[^\n]*)$", re.MULTILINE)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_MOST_KEPT = 64
"""No more stretches than this are kept, so that hostile text cannot make the search quadratic."""
_ENGLISH = re.compile(r"[A-Za-z]{2}|\b[A-Za-z]\b")


@dataclass(frozen=True, slots=True)
class LangTask:
    """Whether a text is a language task, and the stretches of it that are kept (start, end)."""

    is_found: bool = False
    kept: tuple[tuple[int, int], ...] = ()


def find_lang_task(text: str, spans: Sequence[Span] = (), *, lang: str = "en") -> LangTask:
    """Looks for a task about `lang` in the first 4,000 characters of `text`; `spans` are protected already."""
    if lang not in _RULES:
        return LangTask()
    task, quoted, after_colon, material, signs = _RULES[lang]
    lowered = text[:4000].lower()
    if signs and not any(sign in lowered for sign in signs):
        return LangTask()
    asked = task.search(text, 0, 4000)
    if asked is None:
        return LangTask()
    kept = [
        (match.start(group), match.end(group))
        for match in quoted.finditer(text)
        for group in range(1, 5)
        if match.group(group) and material.search(match.group(group))
    ][:_MOST_KEPT]
    for match in after_colon.finditer(text):
        if len(kept) >= _MOST_KEPT:
            break
        if match.end() > asked.end() and material.search(match.group(1)) and not _overlaps(match.span(1), kept):
            kept.append(match.span(1))
    line_end = text.find("\n", asked.end())
    if not kept and line_end >= 0:
        kept = [span for span in _lines_after(text, line_end) if material.search(text, *span)][:_MOST_KEPT]
    free = [stretch for stretch in kept if not _cuts(stretch, spans)]
    return LangTask(True, tuple(sorted(free)))


def _overlaps(stretch: tuple[int, int], kept: Sequence[tuple[int, int]]) -> bool:
    return any(start < stretch[1] and stretch[0] < end for start, end in kept)


def _cuts(stretch: tuple[int, int], spans: Sequence[Span]) -> bool:
    """Whether the stretch begins or ends inside a protected span, or lies within one."""
    return any(
        span.start < edge < span.end or (span.start <= stretch[0] and stretch[1] <= span.end)
        for span in spans
        for edge in stretch
    )


_RULES = {
    "en": (_TASK, _QUOTED, _AFTER_COLON, _ENGLISH, _SIGNS),
    "zh": (_TASK_ZH, _QUOTED_ZH, _AFTER_COLON_ZH, _CHINESE, ()),
}


def _lines_after(text: str, position: int) -> list[tuple[int, int]]:
    """Start and end of each line with text behind `position`."""
    return [match.span() for match in re.compile(r"\S[^\n]*").finditer(text, position)]
