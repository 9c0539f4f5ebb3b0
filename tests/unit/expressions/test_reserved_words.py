from magnetodb.expressions.reserved_words import RESERVED_WORDS


def test_there_are_as_many_words_as_in_the_list_of_aws():
    assert len(RESERVED_WORDS) == 573


def test_words_are_in_upper_case():
    assert all(word.isascii() and word.isalpha() and word.isupper() for word in RESERVED_WORDS)
