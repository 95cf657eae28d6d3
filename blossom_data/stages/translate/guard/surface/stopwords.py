"""The most frequent words of languages with Latin letters: enough to tell English from the others.

    len(ENGLISH & {"the", "weather", "is"})  ->  2

It names no language: a text with more words of one of FOREIGN than of ENGLISH is just not English.
"""

from __future__ import annotations


def word_set(words: str) -> frozenset[str]:
    """The words of a text that are parted by white space."""
    return frozenset(words.split())


ENGLISH = word_set(
    "the a an is are of to in and for that it on with as at by be this from or was what how can you your i do does"
    " please which who when where why have has my me we they he she not if will would should could about into their his"
    " her its there some any all one write"
)
FOREIGN = (
    word_set(
        "le les des une est dans pour que qui vous nous avec sur pas du au je il elle et un ce cette sont mon"
        " votre quel quelle comment"
    ),
    word_set("el los las una es para que por con del un se su como y qué cuál cómo yo mi tu este esta en lo más"),
    word_set(
        "der die das und ist nicht ein eine mit für von zu den dem sie wie was ich wir im auf auch wird sind einen"
    ),
    word_set("il lo gli una che per con non di è sono della del un come questo qual mi le i nel si"),
    word_set("o os as uma é para que com não do da em um por se seu como dos qual você eu na no mais"),
    word_set("het een van en is niet dat op te voor met zijn de ik wat hoe aan je die"),
)
LINKS = word_set("of the and de la le van von & in on for a to vs y di da")
"""Words that stand within names."""
