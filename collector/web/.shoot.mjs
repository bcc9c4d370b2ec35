import { chromium } from 'playwright-core';
import { readFileSync } from 'node:fs';
const axe=readFileSync(new URL('./node_modules/axe-core/axe.min.js',import.meta.url),'utf8');
const base=process.env.BASE??'http://127.0.0.1:8911'; const only=process.argv[2]??'';
const br=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu']});
const pages=[['boards','#/boards'],['board','#/d/disparo'],['edit','#/d/disparo?edit=1'],['empty','#/d/vazio?edit=1'],['mon','#/monitoring'],['export','#/?x'],['editor','#/d/disparo?edit=1']];
for(const [theme,locale,size] of [['dark','pt-BR',{width:1440,height:900}],['light','en-US',{width:1440,height:900}],['dark','pt-BR',{width:390,height:844}],['light','en-US',{width:390,height:844}]]){
 const phone=size.width<500; const ctx=await br.newContext({locale,colorScheme:theme,viewport:size,hasTouch:phone}); const page=await ctx.newPage(); page.setDefaultTimeout(8000);
 page.on('pageerror',e=>console.log('ERR',theme,size.width,e.message)); page.on('console',m=>m.type()==='error'&&!/50[0-9]|403/.test(m.text())&&console.log('CON',m.text().slice(0,300),m.location().url));
 await page.goto(base); 
 for(const [name,hash] of pages){ if(only&&!only.split(',').includes(name)) continue;
  await page.evaluate(h=>{location.hash=h},hash); 
  await page.waitForTimeout(name==='mon'?9000:2600);
  if(name==='export'){ await page.keyboard.press('e'); await page.waitForTimeout(1500);} 
  if(name==='editor'){ if(phone) continue; await page.locator('[data-widget="c"]').hover(); await page.locator('[data-widget="c"] .ed').first().click(); await page.waitForTimeout(800); }
  if(name==='edit'&&!phone){ await page.locator('[data-widget="c"] .drag').focus(); await page.waitForTimeout(200);} 
  const tag=`${name}-${theme}-${size.width}`;
  await page.screenshot({path:`/tmp/fakeB/${tag}.png`,fullPage:['board','boards','mon'].includes(name)});
  await page.evaluate(axe); const v=await page.evaluate(async()=>(await axe.run(document,{resultTypes:['violations']})).violations.map(o=>`${o.id}: ${o.nodes.slice(0,3).map(n=>n.target+' '+(n.any[0]?.message??n.all[0]?.message??'')).join(' | ')}`));
  if(v.length) console.log(tag,v);
  const w=await page.evaluate(()=>document.documentElement.scrollWidth); if(w>size.width) console.log(tag,'WIDE',w);
  if(name==='export'||name==='editor') { await page.keyboard.press('Escape'); await page.waitForTimeout(300);} 
 }
 await ctx.close();
}
await br.close();
