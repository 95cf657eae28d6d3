"""Languages: their tags, the scripts that they are written in, and which one a text is in.

    canonical("ZH-tw")                                    ->  "zh-Hant"
    name_of("ja")                                         ->  "Japanese"
    language_of("Schreibe ein Gedicht über das Meer.")    ->  "de"

A module per concern: tags.py reads BCP-47 tags, scripts.py counts letters by script, detect.py tells languages apart,
phrases.py knows how refusals and small talk begin in each. `languages.tsv` lists the languages that are told apart.
"""
