import xml.etree.ElementTree as ElementTree

from benchmarks.line_charts import Chart, Line, Panel, rounded_up, runs, svg


def test_a_chart_is_xml_with_a_line_for_each_stretch_of_values():
    panel = Panel("reads <ms>", [Line("p50", [1.0, None, 3.0, 2.0]), Line("p99", [5.0, 6.0, 7.0, 8.0])])
    chart = Chart("a & b", [0, 1, 2, 3], [panel, panel], marks=[1.5], mark_name="kill")
    root = ElementTree.fromstring(svg(chart))
    space = "{http://www.w3.org/2000/svg}"

    assert 2 * 3 == len(root.findall(f"{space}polyline"))
    assert "a & b" in [text.text for text in root.findall(f"{space}text")]


def test_a_chart_of_nothing_is_a_chart():
    assert svg(Chart("nothing", [], [Panel("none", [Line("none", [])])])).startswith("<svg")


def test_an_axis_ends_at_a_short_number_above_the_highest_value():
    assert [1.5, 3, 6, 15, 150, 300] == [rounded_up(value) for value in (1.2, 3, 4, 12, 95, 151)]


def test_stretches_are_divided_where_there_is_no_value():
    assert [[(0, 1.0)], [(2, 2.0), (3, 3.0)]] == runs([0, 1, 2, 3], [1.0, None, 2.0, 3.0])
