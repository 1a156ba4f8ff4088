"""Number the words of a data set of sentences, and look up their vectors."""

from experiments.data.catalogue import load_dataset
from experiments.data.fetch_again import fetch_again
from experiments.data.sentences import read_sentences
from experiments.data.word_vectors import read_word_vectors
from experiments.files import verified_files
from experiments.job import Job
from experiments.text.corpus import encode, save_corpus, with_validation

with (
    Job(snakemake) as job,
    fetch_again(snakemake.input.fetched),
    fetch_again(snakemake.input.fetched_vectors),
):
    files, params = snakemake.input, snakemake.params
    text, vectors = load_dataset(files.dataset).text, load_dataset(files.vectors).vectors
    of_text, of_vectors = (
        verified_files(entry, params.data) for entry in (files.dataset, files.vectors)
    )
    sentences = {
        split: read_sentences(of_text[part.file], text.encoding, len(text.classes), part.count)
        for split, part in text.splits.items()
    }
    sentences = with_validation(sentences, params.validation_sentences, job.seed)
    found = read_word_vectors(
        of_vectors[vectors.array],
        of_vectors[vectors.words],
        vectors.dimensions,
        {word.lower() for part in sentences.values() for each in part for word in each.words},
    )
    corpus = encode(sentences, found, vectors.dimensions, text.classes)
    facts = job.facts([*of_text.values(), *of_vectors.values()])
    save_corpus(snakemake.output[0], corpus, facts)
    for split, part in sentences.items():
        places, known = corpus.known(split)
        unknown = 100 * float((places & ~known).sum() / places.sum())
        job.log.info(
            "%s: %d sentences, %.2f %% of the words without a vector", split, len(part), unknown
        )
