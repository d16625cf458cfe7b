-- Each request asks for something that nobody has asked for before.

local n = 0
local begun = os.time()

request = function()
    n = n + 1
    return wrk.format("GET", wrk.path .. "?k=" .. begun .. "-" .. n)
end
