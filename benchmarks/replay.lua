-- For wrk: replays the requests of a file, over and over (each a line with its length, then its bytes), and prints what
-- was measured as a line of JSON behind the word MEASURED.
local requests = {}
local position = 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'MEASURED {"requests": %d, "seconds": %.4f, "p50_us": %d, "p99_us": %d, "p999_us": %d, "max_us": %d, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), latency.max, errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
